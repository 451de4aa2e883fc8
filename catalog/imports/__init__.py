"""Files that suppliers send: read in a stream, checked row by row, written by a job."""
