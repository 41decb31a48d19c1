"""One encrypted file that holds everything a site needs to come back: state, keys, site file, study files."""
