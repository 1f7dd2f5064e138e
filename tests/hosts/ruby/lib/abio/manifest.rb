# frozen_string_literal: true

require "abio/library"

module Abio
  # Runs conformance.json: every function with every misuse, and the code it must answer.  Knows
  # nothing of abio but how to call, and how handles are let go.
  class Manifest
    # A row's call, at the place that the row names.
    PLACES = {
      "here" => ->(call) { call.() },
      "thread" => ->(call) { Thread.new(&call).value },
      "child" => lambda do |call|
        output, input = IO.pipe
        child = fork do
          Marshal.dump(call.(), input)
          exit!(true) # without the finalizers of the parent's objects
        end
        input.close
        Marshal.load(output).tap { Process.wait(child) }
      ensure
        output.close
      end
    }.freeze

    attr_reader :failed

    def initialize(library)
      @library = library
      @manifest = library.manifest
      @failed = []
    end

    # The number of rows that ran.
    def run = @manifest["rows"].each { |row| run_row(row) }.size

    private

    def run_row(row)
      scene = Scene.new(@library)
      row["needs"].each { |name| scene.make(name) }
      call, keep = scene.prepare(row["function"], row["arguments"])
      answer = PLACES.fetch(row["where"]).(call)
      keep.()
      wanted = difference(row, answer)
      @failed << "#{row["function"]} #{row["case"]}: expected #{wanted}, got #{answer}" if wanted
    ensure
      scene.end
    end

    def difference(row, answer)
      if row["text"]
        row["text"] unless answer.to_s == row["text"]
      elsif row["null"]
        "NULL" unless answer.null?
      elsif row["head"]
        size, _, trait = answer[0, 12].unpack("L<3")
        fits = size >= row["head"]["size"] && trait == row["head"]["trait"]
        "a table of #{row["head"]}" unless fits
      elsif (answer == row["code"]) != row["refused"]
        "#{"anything but " unless row["refused"]}#{row["code_name"]}"
      end
    end

    # One row's handles by name, and the memory of its calls, held until its drivers are closed.
    class Scene
      def initialize(library)
        @library = library
        @manifest = library.manifest
        @kept = {}
        @named = {}
        @memory = []
      end

      def make(name)
        return if @kept[name]

        recipe = @manifest["recipes"].fetch(name)
        recipe["needs"].each { |need| make(need) }
        recipe["steps"].each do |step|
          if step["finish"]
            handle = wait(@kept[step["finish"]], step["token"])
            @kept[step["as"]] = handle if step["as"]
          else
            call, keep = prepare(step["call"], step["arguments"])
            @library.check(call.())
            keep.()
          end
        end
      end

      # The call, and what keeps the handles it has made.
      def prepare(name, given)
        made = {}
        values = given.map { |argument| value(argument, made) }
        [-> { @library.public_send(name.delete_prefix("abio_"), *values) },
         -> { made.each { |keep, memory| @kept[keep] = memory[0, 8].unpack1("Q<") } }]
      end

      def end
        of = ->(kind) { @kept.filter_map { |name, it| it if @manifest["kinds"][name] == kind } }
        of.("driver").each do |driver|
          @library.driver_shutdown(driver)
          event = @library.struct(:event)
          while @library.driver_close(driver) == @library[:E_BUSY]
            @library.driver_wait(driver, event, event.size, 1, -1)
          end
        end
        of.("io").each { |io| let_go { @library.release(io) } }
        of.("buffer").each { |buffer| let_go { @library.buffer_release(buffer) } }
      end

      private

      def value(argument, made)
        return @kept[argument] if argument.is_a?(String)
        return argument unless argument.is_a?(Hash)
        return @named[argument["inside"]] + argument["offset"] if argument["inside"]

        memory = @library.memory(argument["memory"])
        @memory << memory
        argument["u32"]&.each { |at, number| memory[at, 4] = [number].pack("L<") }
        argument["text"]&.each { |at, text| memory[at, text.bytesize] = text.b }
        argument["points"]&.each do |at, inner|
          memory[at, 8] = [value(inner, made).to_i].pack("Q<")
        end
        made[argument["keep"]] = memory if argument["keep"]
        @named[argument["as"]] = memory if argument["as"]
        memory
      end

      def wait(driver, token)
        memory = @library.struct(:event)
        loop do
          @library.check(@library.driver_wait(driver, memory, memory.size, 1, -1))
          event = @library.fields(:event, memory)
          next if event[:token] != token || event[:flags].anybits?(@library[:EVENT_MORE])

          @library.check(event[:result])
          return event[:handle]
        end
      end

      def let_go = 8.times { break if yield.negative? }
    end
  end
end
