"""What a shop and its provider have lived through, and what the marts must then say."""
