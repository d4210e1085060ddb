"""The RV coefficient as a metric of alignkit."""
