"""The write side: deciders, the event log, group commit, own views, the feed."""
