"""HorizontalPodAutoscaler: as many replicas as the pods' use of CPU and memory asks for."""
