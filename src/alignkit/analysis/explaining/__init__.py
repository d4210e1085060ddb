"""What models attend to: analyses that run the stored weights of runs on samples once more."""
