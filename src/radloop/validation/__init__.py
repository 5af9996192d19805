"""Great Expectations suites over the manifest, and their verdict."""
