"""Transactions as they become rows: begun and stopped by 1.6, event by event by 2.x, whatever comes late or twice."""
