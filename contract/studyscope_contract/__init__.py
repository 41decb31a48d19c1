"""What may cross the hospital wall: the one package a data-protection officer has to read."""
