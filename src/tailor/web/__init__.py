"""The door of every page that Tailor serves: who comes in, from where, with what, and what a browser may do with what it gets."""
