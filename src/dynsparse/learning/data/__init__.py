"""What learners are trained on and told: samples, splits, scales, masks."""
