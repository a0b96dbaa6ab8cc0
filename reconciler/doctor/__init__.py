"""`reconciler doctor`: looks at this node from the ground up, changes nothing, and tells a remedy for each trouble."""
