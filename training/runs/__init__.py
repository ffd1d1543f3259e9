"""Runs from the browser: asked for, estimated, followed, finished."""
