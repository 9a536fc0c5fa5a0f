"""What no honest caller sends. The tests of the service build their hostile requests here too."""
