"""The outside: the password hash, the web server, the pages of Swagger UI."""
