"""What trained weights are worth: calibration, numbers with intervals, comparison."""
