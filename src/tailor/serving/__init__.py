"""Serving what a study chose: the endpoint, the gate that holds it to what was measured, and the bundle to carry it elsewhere."""
