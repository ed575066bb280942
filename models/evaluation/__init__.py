"""DeepFashion2's and COCO's figures: annotations and detections in, mAP_pt and mAP_box out.

Data flows through these modules::

    dataset_request: annotations -> truth -----------------------------------------.
    model, pictures -> heads_job -> workers, cluster -> store -> prediction -> results -> metric -> report
        heads of a picture: picture_heads, kept small by compact_heads and centre_bounds
        a network in torch instead of an exported one: torch_engine
        detections made elsewhere: detection_files, coco_file, in the layout of landmark_layout
        COCO's own figures: coco_figures
    report -> report_tables (terminal), report_page (HTML: report_sections, report_charts, examples, matching)

`model_accuracy` does all of it; table2 is the paper's Table 2, validation_set for a network in training, and
drawn_accuracy for what an export loses.
"""
