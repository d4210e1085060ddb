"""Registration of the tasks and targets of this plugin."""

import alignkit


@alignkit.hookimpl
def register_tasks(register: alignkit.RegisterTasks) -> None:
    """Register the data sets of this plugin."""
    register(
        "hateful_memes",
        "alignkit_tasks.hateful_memes:HatefulMemes",
        summary="Hateful Memes (Kiela et al. 2020): is a meme hateful? AUROC",
        label="Hateful Memes",
    )
    register(
        "mm_imdb",
        "alignkit_tasks.mm_imdb:MmImdb",
        summary="MM-IMDb (Arevalo et al. 2017): which of 23 genres does a movie have? Macro F1",
        label="MM-IMDb",
    )
    register(
        "upmc_food",
        "alignkit_tasks.upmc_food:UpmcFood",
        summary="UPMC Food-101 (Wang et al. 2015): which of 101 dishes is shown? Accuracy",
        label="UPMC Food-101",
    )
    register(
        "conceptual_captions",
        "alignkit_tasks.conceptual_captions:ConceptualCaptions",
        summary="Conceptual Captions (Sharma et al. 2018): unlabelled pairs for pretraining",
        label="Conceptual Captions",
    )
    register(
        "folder",
        "alignkit_tasks.folder:Folder",
        summary="Your own data, folder:PATH: a CSV or JSONL table of images, texts and labels",
    )


@alignkit.hookimpl
def register_targets(register: alignkit.RegisterTargets) -> None:
    """Register what can be predicted of users' own data beside labels."""
    register(
        "ordinal",
        "alignkit_tasks.targets:Ordinal",
        summary="Grades in the order of their numbers: mean distance, accuracy",
    )
    register(
        "regression",
        "alignkit_tasks.targets:Regression",
        summary="A number: root mean squared error, mean absolute error, R2",
        reads="number",
    )
