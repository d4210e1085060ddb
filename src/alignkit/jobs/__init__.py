"""Steps of the chain as jobs that an engine performs, here or on other machines."""
