# frozen_string_literal: true

require "io/wait"
require "abio/library"
require "abio/stream"

module Abio
  Event = Struct.new(:token, :result, :progress, :handle, :data, :flags)

  # What was started: `wait` for its one terminal event.  It holds the arguments of the call, and
  # the driver holds it, so that lent memory lives until then.
  class Operation
    attr_reader :arguments

    def initialize(driver, token, arguments)
      @driver = driver
      @token = token
      @arguments = arguments
      @done = Thread::Queue.new
    end

    # The event, or an Error.  A fiber that is stopped while it waits ends the operation first.
    def wait
      event = @driver.await(@done)
      return event unless event.result.negative?

      canceled = event.result == @driver.library[:E_CANCELED]
      raise (canceled ? Canceled : Error).new(@driver.library, event.result, event.progress)
    ensure
      event || abandon
    end

    # Asks it to end.  It ends in its event all the same, as Canceled or with what it has done.
    def cancel = @driver.library.cancel(@driver.id, @token)

    def finish(event) = @done << event

    private

    def abandon
      cancel
      event = @driver.await(@done)
      @driver.library.release(event.handle) if event.handle.positive?
    end
  end

  # A driver of this thread.  Where there is a Fiber scheduler, one fiber waits for its descriptor
  # as for any other and wakes those whose operations have ended; without one, who waits turns the
  # driver himself.
  class Driver
    EVENTS = 64
    SIZE = 48

    attr_reader :library, :id, :unasked

    # Yields a driver, and closes it with all that is still going on.
    def self.open(library)
      driver = new(library)
      yield driver
    ensure
      driver&.close
    end

    def initialize(library)
      @library = library
      @id = library.made { |out| library.driver_create(nil, out) }
      @events = library.memory(EVENTS * SIZE)
      @operations = {}
      @token = 0
      @unasked = 0 # events that nobody waited for: none, in a program without mistakes
      return unless Fiber.current_scheduler

      @unwatched = Thread::Queue.new
      Fiber.schedule { watch }
    end

    # Starts a function of abio with these arguments and a token.
    def start(name, *arguments)
      token = @token += 1
      @library.check(@library.public_send(name, *arguments, token))
      @operations[token] = Operation.new(self, token, arguments)
    end

    # The same, and waits: driver.run(:read, io, memory, size, 0).result
    def run(name, *arguments) = start(name, *arguments).wait

    # The event that comes through `queue`.
    def await(queue)
      turn(-1) until watched? || !queue.empty?
      queue.pop
    end

    # Cancels what is in flight, and returns when all of it has ended.
    def close
      return if @closed

      @closed = true
      # No fiber may still wait for the descriptor when the driver closes it.
      @library.driver_wake(@id)
      @unwatched.pop if watched?
      finish
    end

    # Streams: each is closed after the block, if there is one.

    def open(path, access: :READ, flags: [], &block)
      bits = flags.sum { |flag| @library[:"OPEN_#{flag}"] }
      options = @library.struct(:open_options, access: @library[:"ACCESS_#{access}"], flags: bits)
      stream(run(:open, @id, path, path.bytesize, options).handle, &block)
    end

    def connect(port, &block) = stream(run(:connect, @id, loopback(port), nil).handle, &block)

    # A listening socket on 127.0.0.1, and its port.
    def listen
      io = @library.made { |out| @library.listen(@id, loopback(0), nil, out) }
      local = @library.filled(:io_info) { |info| @library.info(io, info) }[:local]
      [stream(io), @library.fields(:address, Fiddle::Pointer[local])[:port]]
    end

    def stream(io)
      stream = Stream.new(self, io)
      return stream unless block_given?

      begin
        yield stream
      ensure
        stream.close
      end
    end

    private

    # A scheduler that is ending is gone before its fibers are.
    def watched? = @watched && Fiber.current_scheduler

    def watch
      # The descriptor stays the driver's: no IO of Ruby's may close it.
      @watched = true
      io = IO.for_fd(@library.driver_fd(@id), autoclose: false)
      until @closed
        io.wait_readable
        turn(0) unless @closed
      end
    ensure
      # Stopped from outside: all fibers are, and those that wait for a last event must get it.
      finish unless @closed
      @watched = false
      @unwatched << true
    end

    # This stops the thread for a moment, while what has been told to end ends.
    def finish
      @library.driver_shutdown(@id)
      turn(-1) while @library.driver_close(@id) == @library[:E_BUSY]
    end

    # Takes all events there are: poll until 0, or wait for the first.
    def turn(timeout)
      loop do
        count = timeout.zero? ? @library.driver_poll(@id, @events, SIZE, EVENTS) :
                                @library.driver_wait(@id, @events, SIZE, EVENTS, timeout)
        count.times { |index| deliver(Event.new(*@events[index * SIZE, 44].unpack("Q<q<Q<3L<"))) }
        return unless count.positive?

        timeout = 0
      end
    end

    def deliver(event)
      return if event.flags.anybits?(@library[:EVENT_MORE] | @library[:EVENT_WAKE])

      operation = @operations.delete(event.token)
      operation ? operation.finish(event) : @unasked += 1
    end

    def loopback(port)
      @library.struct(:address, family: @library[:FAMILY_IPV4], port: port, length: 4,
                                data: [127, 0, 0, 1].pack("C4"))
    end
  end
end
