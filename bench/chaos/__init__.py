"""The chaos harness: live executors of every type while everything goes wrong, and a judge that compares the books."""
