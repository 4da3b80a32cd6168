"""The claims of two articles, as tests; `bn_article` and `glorot_article` name them in full."""
