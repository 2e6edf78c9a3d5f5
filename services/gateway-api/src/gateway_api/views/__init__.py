"""The shapes of answers, as the OpenAPI document shows them. The gateway keeps no data: services answer the bytes."""
