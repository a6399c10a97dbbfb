"""One page per case on which an episode is looked at: the robot beside its Jacobians."""
