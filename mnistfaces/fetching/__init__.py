"""From a list of addresses to verified images: list, policy, client, download."""
