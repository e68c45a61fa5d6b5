"""tidegate's router for ingress-nginx."""
