"""What plugins promise, checked where it is used and by ``alignkit.testing``: in one place.

Each check raises a ``PluginError`` that names the plugin, what was expected and what came.
"""
