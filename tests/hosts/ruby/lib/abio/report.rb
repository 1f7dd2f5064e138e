# frozen_string_literal: true

module Abio
  # The lines that a host program prints: one for each part, the checks counted.
  class Report
    attr_accessor :passed
    attr_reader :failed

    def initialize
      @passed = @failed = 0
    end

    # Runs the block; what it answers, if a String, is told after the `yes`.
    def part(name)
      before = @failed
      @part = name
      how = yield
      @passed += 1
    rescue StandardError => e
      fail("no exception", e.full_message(highlight: false))
    ensure
      failures = @failed - before
      answer = how.is_a?(String) ? "yes, #{how}" : "yes"
      puts "#{name}: #{failures.zero? ? answer : "no: #{failures} checks failed"}"
    end

    def check(what, got, expected)
      return @passed += 1 if got == expected

      fail("#{expected.inspect[0, 200]} for #{what}", got.inspect[0, 200])
    end

    def fail(expected, got, what = @part)
      @failed += 1
      warn "FAILED #{what}: expected #{expected}, got #{got}"
    end

    def finish
      puts "#{@passed} passed, #{@failed} failed"
      exit @failed.zero?
    end
  end
end
