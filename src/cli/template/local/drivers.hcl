# What exists. Change something, then run `provender plan`.

entity "driver" {
  join_key    = "driver_id"
  value_type  = int64
  description = "A driver of the fleet."
}

data_source "file" "driver_stats" {
  path                     = "data/driver_stats.parquet"
  timestamp_field          = "event_timestamp"
  created_timestamp_column = "created"
}

feature_view "driver_hourly_stats" {
  entities = [entity.driver]
  source   = data_source.driver_stats
  ttl      = "7d"

  feature "conv_rate" { type = float32 }
  feature "acc_rate" { type = float32 }
  feature "avg_daily_trips" { type = int64 }

  tags = { team = "driver_performance" }
}

feature_service "driver_activity" {
  features = [feature_view.driver_hourly_stats]
}
