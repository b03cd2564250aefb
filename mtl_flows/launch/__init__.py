"""From flows to FireWorks, workers and recovery."""
