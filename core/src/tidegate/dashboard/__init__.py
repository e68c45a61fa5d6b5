"""L4: the web page. Nothing is served yet."""
