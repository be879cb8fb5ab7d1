"""Contract suites to inherit: what every space, predictor or strategy keeps to."""
