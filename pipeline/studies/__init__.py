"""The paper's tables and studies of our own, built on the public modules of aign and run by DVC."""
