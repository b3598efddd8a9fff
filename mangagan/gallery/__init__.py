"""The gallery: a page that shows every face of the manifest in a browser, without a server."""
