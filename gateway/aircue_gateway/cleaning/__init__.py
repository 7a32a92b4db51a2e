"""The stages a reading passes, one file each: streaming, without I/O. They flag and never change what is stored."""
