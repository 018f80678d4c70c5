"""What a predictor imports."""
