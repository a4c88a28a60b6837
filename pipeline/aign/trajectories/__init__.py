"""The dataset: episodes, labels, statistics, storage."""
