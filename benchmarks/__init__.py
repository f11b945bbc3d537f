"""Speed and reliability, measured; nothing here is asserted."""
