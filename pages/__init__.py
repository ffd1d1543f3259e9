"""The screens: they guard, ask, call and show; nothing here computes."""
