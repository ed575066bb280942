"""Everything between pictures and a trained network; drawn pictures stand in for DeepFashion2."""
