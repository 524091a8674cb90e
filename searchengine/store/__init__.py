"""Everything kept: the library folder, its SQL and its indexes. The only room that knows them."""
