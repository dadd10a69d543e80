//! What each block type accepts and what it becomes; `feature_store.yaml` too.
