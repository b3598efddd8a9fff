"""From the members of readers to distinct, numbered pages."""
