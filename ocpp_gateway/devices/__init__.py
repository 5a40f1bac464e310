"""What stations report of themselves: variables of the 2.x device model, configuration keys of 1.6."""
