"""The files of Swagger UI from the installed wheel, so that the documentation works without the internet."""

from __future__ import annotations

from importlib import resources

MEDIA_TYPES = {
    "swagger-ui-bundle.js": "application/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}


def asset(name: str) -> tuple[bytes, str]:
    """The bytes and media type of a file of Swagger UI; KeyError when it is none of them."""
    media_type = MEDIA_TYPES[name]
    return resources.files("fastapi_swagger.resources").joinpath(name).read_bytes(), media_type
