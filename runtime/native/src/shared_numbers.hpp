// Written by tools/shared_numbers.py from the constants of these Python files: change them there.
#pragma once

namespace deepmark {

// runtime/cpu.py
constexpr int most_threads_by_default = 4;

// runtime/manifest.py
constexpr int schema_version = 1;
constexpr int max_input_pixels = 16777216;

// runtime/bundle.py
constexpr int max_manifest_bytes = 16777216;

// runtime/bundle_files.py
constexpr int max_file_bytes = 1073741824;

// runtime/transform.py
constexpr int warp_limit = 32767;

// runtime/heads/maps.py
constexpr int stride = 4;

// runtime/engines/mnn.py
constexpr int most_squared = 1048576;

// runtime/decoding/decoder.py
constexpr double probability_slack = 0.001;

// runtime/decoding/peaks.py
constexpr double cell_centre = 0.5;
constexpr double farthest = 1000000.0;

// runtime/decoding/candidates.py
constexpr double underflow = 1e-12;
constexpr double looser = 0.999;

// runtime/decoding/landmarks.py
constexpr double mask_divisor = 9.0;
constexpr double smallest_sigma = 0.16666666666666666;
constexpr double nearest_limit = 0.3;
constexpr double log_rounding = 0.0001;

// runtime/refinement/refiner.py
constexpr double least_refined_score = 0.05;

// runtime/refinement/refiner_manifest.py
constexpr int refiner_multiple = 32;
constexpr int longest_refiner_side = 1024;

// runtime/refinement/pose_crop.py
constexpr double pose_margin = 1.2;
constexpr double crop_margin = 1.25;
constexpr double no_extent = 20.0;

// exporter/parity.py
constexpr double parity_atol = 0.001;
constexpr double parity_rtol = 0.0005;
constexpr double other_blocks_rtol = 0.0007;

// exporter/objects.py
constexpr double score_floor = 0.1;
constexpr double score_tolerance = 0.01;
constexpr double landmark_cells = 0.05;

// exporter/precision/agreement.py
constexpr double same_object = 0.75;
constexpr double least_extent = 1e-06;

// exporter/precision/plan.py
constexpr double min_kept = 0.9;

// exporter/gpu_verification.py
constexpr double fp16_rtol = 0.02;

// runtime/decoding/params.py
constexpr double default_alpha = 0.8;
constexpr double default_sigma_center = 0.45;
constexpr double default_sigma_keypoint = 0.9;
constexpr double default_gamma = 0.75;
constexpr int default_top_k = 100;
constexpr double default_keypoint_threshold = 0.1;
constexpr double default_score_threshold = 0.0;
constexpr double default_nms_iou = 0.5;
constexpr double default_nms_sigma = 0.5;
constexpr double default_nms_score = 0.001;

}  // namespace deepmark
