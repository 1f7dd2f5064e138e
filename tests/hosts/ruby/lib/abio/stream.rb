# frozen_string_literal: true

module Abio
  # An io with the methods of Ruby's own IO.  Each call waits in its fiber alone.
  class Stream
    include Enumerable

    CHUNK = 65_536
    LONGEST = 1 << 20

    attr_reader :io

    def initialize(driver, io)
      @driver = driver
      @library = driver.library
      @io = io
    end

    # At most `length` bytes, nil at the end.
    def readpartial(length = CHUNK)
      memory = @library.memory(length)
      count = @driver.run(:read, source, memory, length, 0).result
      memory[0, count] if count.positive?
    end

    def read
      whole = String.new
      while (part = readpartial)
        whole << part
      end
      whole
    end

    def pread(length, offset)
      memory = @library.memory(length)
      memory[0, @driver.run(:read_at, @io, memory, length, offset, 0).result]
    end

    def write(text)
      @driver.run(:write_all, @io, @library.memory(text.bytesize, text), text.bytesize, 0).result
    end

    # A line with its end, nil at the end: by the library's own BufRead.
    def gets
      @library.check(@library.buffer_set(line_buffer, 0, 0))
      count = @driver.run(:read_line, source, line_buffer, 0).result
      @line_data[0, count].force_encoding(Encoding::UTF_8) if count.positive?
    end

    # An Enumerator without a block.
    def each_line
      return to_enum(__method__) unless block_given?

      while (line = gets)
        yield line
      end
      self
    end
    alias each each_line

    def rewind = @driver.run(:rewind, source, 0)

    # All the rest of this one to `sink`, by the kernel where it can; the bytes copied.
    def copy_to(sink) = @driver.run(:copy, @io, sink.io, 2**64 - 1, 0).result

    def accept(&block) = @driver.stream(@driver.run(:accept, @io, 0).handle, &block)

    def close_write = @driver.run(:shutdown, @io, 0)

    def close
      return if @closed

      @closed = true
      @library.release(@reader) if @reader
      @library.buffer_release(@line) if @line
      @driver.run(:close, @io, 0)
      @library.release(@io)
    end

    private

    # Once lines are read, what was read ahead is in the reader.
    def source = @reader || @io

    def line_buffer
      @line ||= begin
        @reader = @library.made { |out| @library.buf_reader(@io, CHUNK, 0, out) }
        line = @library.made { |out| @library.buffer_alloc(LONGEST, 0, 0, out) }
        state = @library.filled(:buffer_state) { |info| @library.buffer_info(line, info) }
        @line_data = Fiddle::Pointer.new(state[:data])
        line
      end
    end
  end
end
