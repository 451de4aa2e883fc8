"""Qualification: who may win at all, and the register of suppliers a buyer has qualified."""
