# frozen_string_literal: true

require "abio/library"
require "abio/driver"
require "abio/stream"
