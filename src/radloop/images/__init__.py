"""Pixels in: DICOM and raster files, brought to one pixel domain."""
