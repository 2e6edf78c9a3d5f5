"""What is generated from the code: OpenAPI, AsyncAPI, the message catalogue, golden examples."""
