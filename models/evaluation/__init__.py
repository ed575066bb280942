"""DeepFashion2's figures: annotations and detections in, mAP_pt and mAP_box out."""
