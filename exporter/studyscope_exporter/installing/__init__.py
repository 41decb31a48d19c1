"""What a new site needs before anything else: a site file that is valid by construction, folders and keys."""
